"""Hands as files (json, glb, obj, npz), and trained weights as onnx."""
