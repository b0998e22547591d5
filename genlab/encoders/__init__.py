"""Text to unit vectors: sentence-transformers behind one small protocol."""

from genlab.encoders.base import Encoder
from genlab.encoders.sentence import SentenceEncoder, load_encoder, token_batches

__all__ = ["Encoder", "SentenceEncoder", "load_encoder", "token_batches"]
