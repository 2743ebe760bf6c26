#!/usr/bin/env python3
"""Measures what a belief update takes; `--help` tells more."""

from synthetic_communities.benchmark.command import main

main()
