"""Other services that get the artifacts of a run; may import `hosts` and what is below it."""
