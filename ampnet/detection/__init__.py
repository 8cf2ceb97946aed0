"""Detection of faces and their five landmarks, on torch or on ONNX Runtime."""
