"""The commands of `unseen`, one file each. Importing them imports nothing that is slow to import."""
