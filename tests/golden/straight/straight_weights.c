/*
 * generated for a test
 */
#include "straight.h"

/* initial state: 3 float */
extern const float straight_lstm_c_initial[3];
const float straight_lstm_c_initial[3] = {-0.375f, 0.9375f, 0.5625f};
