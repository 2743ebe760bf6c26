"""A server of models on the loopback interface, for tests: `python -m synthetic_communities.testing.server --help`.

It speaks Anthropic Messages, OpenAI chat completions and Ollama chat; checks requests as strictly as they do; makes up
replies that fit the schema asked for; and fails, refuses and delays on demand. What it replies, how long that takes and
what goes wrong follow from the request's bytes, from how often it was asked and from the server's seed, and never from
the order in which requests arrive.
"""
