"""What a run was made from, kept with it, so that it can be made again and held against itself."""
