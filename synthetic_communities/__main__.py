"""`python -m synthetic_communities` is the command `synthetic-communities`."""

from .cli.main import main

if __name__ == "__main__":
    main()
