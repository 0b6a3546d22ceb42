"""Quantization: float weights into packed int4 and int8."""
