"""File properties and simple cues that separate real from fake."""
