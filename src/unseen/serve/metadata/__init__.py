"""Read the metadata of untrusted picture files, with bounded work. No pixels are decoded."""
