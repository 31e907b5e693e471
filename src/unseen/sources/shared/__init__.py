"""Downloads, archives and checksums."""
