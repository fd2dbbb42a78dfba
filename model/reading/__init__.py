"""What the app needs to read a radiograph. Nothing in here imports TensorFlow."""
