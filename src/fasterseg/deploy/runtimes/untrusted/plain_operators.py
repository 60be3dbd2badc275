"""The operators that a file of unknown origin may be made of, in ONNX and in OpenVINO.

They are the standards' own feed-forward ones: each computes once, from its inputs, in time and
memory that the inputs' sizes bound.  Not among them: whatever runs a graph again and again (Loop,
Scan, If and the like), draws numbers, keeps a state, handles texts, sequences or files, and
whatever gives an output whose size the numbers in the image decide.

The numbers behind an operator are the inputs that decide sizes: these may not come from the image's
content (`plain_graphs`).
"""

from __future__ import annotations

from collections.abc import Mapping

Operators = Mapping[str, tuple[int, ...]]

_ONNX_NAMES = """
Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization BitShift
BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil Celu Clip Concat Constant Conv
ConvInteger ConvTranspose Cos Cosh CumSum DepthToSpace DequantizeLinear Div DynamicQuantizeLinear
Einsum Elu Equal Erf Exp EyeLike Flatten Floor Gather GatherElements GatherND Gelu Gemm
GlobalAveragePool GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization
HardSigmoid HardSwish Hardmax Identity InstanceNormalization IsInf IsNaN LRN LayerNormalization
LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization LpPool MatMul MatMulInteger Max MaxPool
Mean MeanVarianceNormalization Min Mish Mod Mul Neg Not Or PRelu Pow QLinearConv QLinearMatMul
QuantizeLinear RMSNormalization Reciprocal Relu Round ScatterElements ScatterND Selu Shape Shrink
Sigmoid Sign Sin Sinh Size Softmax Softplus Softsign SpaceToDepth Sqrt Sub Sum Tan Tanh
ThresholdedRelu Transpose Trilu Where Xor
"""

_ONNX_REDUCTIONS = "L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare"

ONNX: Operators = {
    **dict.fromkeys(_ONNX_NAMES.split(), ()),
    **{f"Reduce{name}": (1,) for name in _ONNX_REDUCTIONS.split()},
    "CenterCropPad": (1,),
    "ConstantOfShape": (0,),
    "Dropout": (1, 2),
    "Expand": (1,),
    "OneHot": (1,),
    "Pad": (1, 3),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "TopK": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
}

_OPENVINO_NAMES = """
Abs Acos Acosh Add Asin Asinh Atan Atanh AvgPool BatchNormInference BatchToSpace Ceiling Clamp
Concat Const Convert ConvertLike Convolution ConvolutionBackpropData Cos Cosh CumSum DepthToSpace
Divide Einsum Elu Equal Erf Exp FakeQuantize Floor FloorMod Gather GatherElements GatherND Gelu
Greater GreaterEqual GridSample GRN GroupConvolution GroupConvolutionBackpropData
GroupNormalization HardSigmoid HSigmoid HSwish IsFinite IsInf IsNaN LRN LeakyRelu Less LessEqual
Log LogSoftmax LogicalAnd LogicalNot LogicalOr LogicalXor MatMul MaxPool Maximum Minimum Mish Mod
Multiply MVN Negative NormalizeL2 NotEqual Parameter Power PReLU ReLU Result Round
ScatterElementsUpdate ScatterNDUpdate Select Selu ShapeOf ShuffleChannels Sigmoid Sign Sin Sinh
SoftMax SoftPlus SoftSign SpaceToBatch SpaceToDepth Split Sqrt SquaredDifference Subtract Swish
Tan Tanh Transpose
"""

_OPENVINO_REDUCTIONS = "L1 L2 LogicalAnd LogicalOr Max Mean Min Prod Sum"

OPENVINO: Operators = {
    **dict.fromkeys(_OPENVINO_NAMES.split(), ()),
    **{f"Reduce{name}": (1,) for name in _OPENVINO_REDUCTIONS.split()},
    "AdaptiveAvgPool": (1,),
    "Broadcast": (1, 2),
    "Interpolate": (1, 2, 3),
    "OneHot": (1,),
    "Pad": (1, 2),
    "Range": (0, 1, 2),
    "Reshape": (1,),
    "Slice": (1, 2, 3, 4),
    "Squeeze": (1,),
    "StridedSlice": (1, 2, 3),
    "Tile": (1,),
    "TopK": (1,),
    "Unsqueeze": (1,),
    "VariadicSplit": (1, 2),
}

OF_SIZES = frozenset({"Shape", "Size", "ShapeOf"})
"""What looks at a size alone, and not at the numbers of that size."""
