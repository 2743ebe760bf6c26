"""Stands in for `synthetic_communities.waiting` until its users say so."""

from ..waiting import place_given_back, without_place

__all__ = ["place_given_back", "without_place"]
