"""How sentences come to be: from facts and patterns, from a language model, or from the published code."""
