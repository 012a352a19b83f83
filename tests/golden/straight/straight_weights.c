/*
 * generated for a test
 */
#include "straight_private.h"

/* initial state: 3 float */
LSTM_EDGE_WEIGHTS_SECTION const float straight_lstm_c_initial[3] = {-0.375f, 0.9375f, 0.5625f};
