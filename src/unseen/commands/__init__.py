"""The commands of `unseen`, one file each: its help, what it runs, what it prints. None imports anything heavy."""
