"""What `train.py` needs: data checks, the network, fitting, evaluation and export (TensorFlow / Keras)."""
