"""The same faces after compression, blur, noise and the like."""
