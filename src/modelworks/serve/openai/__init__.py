"""The OpenAI protocol: `/v1/models`, `/v1/completions`, `/v1/chat/completions`, `/v1/embeddings`.

Which of them a model answers is a matter of its kinds' fields: an input with `text` or `messages` and `sampling` and a
prediction with `text` is a model to go on with texts; a prediction with `embedding` is one of vectors.
Source: https://github.com/openai/openai-openapi
"""

from modelworks.serve.openai.routes import Door, error_body

__all__ = ["Door", "error_body"]
