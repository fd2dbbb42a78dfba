"""PLACEHOLDER by the lead so that training can start: helper "reader" replaces this file whole."""
import cv2, numpy as np
class Unreadable(ValueError): pass
class _R:
    def __init__(s,p): s.pixels=p
def decode(data):
    p=cv2.imdecode(np.frombuffer(data,np.uint8),cv2.IMREAD_GRAYSCALE)
    if p is None: raise Unreadable("no")
    return _R(p.astype(np.float32))
def to_input(pixels,size):
    return cv2.resize(pixels,(size,size),interpolation=cv2.INTER_AREA if min(pixels.shape)>=size else cv2.INTER_LINEAR)[None,...,None]
