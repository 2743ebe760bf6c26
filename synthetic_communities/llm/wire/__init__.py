"""Connections to servers, and what a status, a broken line or an unreachable server means."""
