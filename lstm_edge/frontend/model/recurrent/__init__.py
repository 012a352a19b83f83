"""LSTM, GRU and RNN of ONNX: attributes, lengths, weights."""
