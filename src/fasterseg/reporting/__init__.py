"""What a person looks at: drawings of architectures, and one page per run."""
