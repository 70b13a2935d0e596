"""The model of the course: prompt format, tokenizer, GPT, sampling, checkpoints, supervised fine-tuning, GGUF."""
