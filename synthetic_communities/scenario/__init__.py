"""The bundled scenario: the harbour town of Norrhaven, its people, its candidates and what they argue about."""
