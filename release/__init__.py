"""What a release consists of: plans it, renders its tree, verifies that, and names the owner. Not part of the image."""
