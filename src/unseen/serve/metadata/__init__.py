"""Metadata of picture files, read from hostile bytes with bounded work. Nothing here decodes pixels."""
