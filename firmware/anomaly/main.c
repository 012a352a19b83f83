/*
 * Watches a motor with the code that lstm-edge generated from examples/anomaly.
 *
 * An accelerometer's counts go in as they are, 32 samples of three axes to a window, and one number
 * comes out: how wrong the autoencoder is, as a multiple of its threshold. It is compared as it is
 * stored, as an integer; there is no float in this program. Returns 0 if the self-test passes and
 * at most one window is judged wrongly.
 */
#include "anomaly.h"
#include "edge_io.h"
#include "samples.h"

enum { KINDS = 5, SOUND = 0 };

static const char *const names[KINDS] = {"sound", "imbalance", "bearing", "drift", "stuck sensor"};

/*
 * The threshold, a score of 1.0, as the network stores scores: the compiler computes it. What it
 * cuts off does not matter, since an integer above the quotient is above its integer part.
 */
static const anomaly_score_t threshold = (anomaly_score_t)(1.0f / ANOMALY_SCORE_SCALE);

static anomaly_state state;

/* A score as a multiple of the threshold, with two digits; room for scores up to 20,000,000. */
static void print_score(anomaly_score_t score)
{
    const int32_t hundredths = (int32_t)((int64_t)score * 100 / threshold);
    edge_print_int(hundredths / 100);
    edge_print(hundredths % 100 < 10 ? ".0" : ".");
    edge_print_int(hundredths % 100);
}

int main(void)
{
    int32_t right = 0;

    if (anomaly_selftest() != 0) {
        edge_print("self-test failed\n");
        return 1;
    }
    anomaly_init(&state);
    edge_print("threshold, as it is stored: ");
    edge_print_int(threshold);
    edge_print("\n\n");
    for (int32_t k = 0; k < SAMPLES; k++) {
        anomaly_score_t score[ANOMALY_SCORE_SIZE];

        if (anomaly_run(&state, &counts[k][0][0], ANOMALY_STEPS, score) != 0) {
            edge_print("a window has another length\n");
            return 1;
        }
        const int alarm = score[0] > threshold;
        const int faulty = label[k] != SOUND;
        print_score(score[0]);
        edge_print(alarm ? "  ALARM  " : "         ");
        edge_print(names[label[k]]);
        edge_print(alarm == faulty ? "\n" : "  wrong\n");
        right += alarm == faulty;
    }
    edge_print_int(right);
    edge_print(" of ");
    edge_print_int(SAMPLES);
    edge_print(" windows right, self-test passed\n");
    return right >= SAMPLES - 1 ? 0 : 1;
}
