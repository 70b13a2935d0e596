"""Part I: from instruction records to preference pairs (voices, prompts, checks, builders)."""
