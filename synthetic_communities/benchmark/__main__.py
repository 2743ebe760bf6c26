"""`python -m synthetic_communities.benchmark`."""

from .command import main

if __name__ == "__main__":
    main()
