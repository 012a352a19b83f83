/*
 * generated for a test
 */
#include "straight_private.h"

/* Where this comes from: a reference to it keeps it in an image, where `strings` finds it. */
const char straight_identity[] = "lstm-edge 0.0.0; model straight; sha256 0000000000000000000000000000000000000000000000000000000000000000; scheme=float32";

/* initial state: 3 float */
LSTM_EDGE_WEIGHTS_SECTION const float straight_lstm_c_initial[3] = {-0.375f, 0.9375f, 0.5625f};
