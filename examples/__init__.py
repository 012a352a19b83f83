"""Trained models from several fields, and what scores them: see README.md."""
