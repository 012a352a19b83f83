/*
 * Forecasts the load of a building with the code that lstm-edge generated from examples/forecast.
 *
 * Ten days of measurements arrive hour by hour, in the units of the sensors: no scaling is needed.
 * After the last hour the forecast is printed beside what came. Returns 0 if
 * the self-test passes and the forecast is closer than the load of the day before.
 */
#include "edge_io.h"
#include "forecast.h"
#include "samples.h"

enum { HOURS = sizeof hours[0] / sizeof hours[0][0], HORIZON = FORECAST_LOAD_SIZE };
enum { LOAD = 0, TEMPERATURE = 1, PRESSURE = 2 };

static forecast_state state;

static int32_t rounded(float number)
{
    return (int32_t)(number + (number < 0.0f ? -0.5f : 0.5f));
}

static void print_number(const char *text, int32_t number)
{
    edge_print(text);
    edge_print_int(number);
}

/* The load of the 24 hours that follow the measurements, in kW. */
static void look_ahead(float load[HORIZON])
{
    forecast_load_t stored_load[FORECAST_LOAD_SIZE];

    forecast_init(&state);
    for (int32_t t = 0; t < HOURS; t++) {
        forecast_hours_t stored[FORECAST_HOURS_SIZE];
        forecast_quantize_hours(hours[0][t], stored);
        forecast_step(&state, stored, stored_load);
    }
    forecast_dequantize_load(stored_load, load);
}

int main(void)
{
    const float *const now = hours[0][HOURS - 1];
    float load[HORIZON];
    float error = 0.0f;
    float error_of_yesterday = 0.0f;

    if (forecast_selftest() != 0) {
        edge_print("self-test failed\n");
        return 1;
    }
    look_ahead(load);
    print_number("Now ", rounded(now[LOAD]));
    print_number(" kW, ", rounded(now[TEMPERATURE]));
    print_number(" degrees, ", rounded(now[PRESSURE]));
    edge_print(" Pa\n\n  hour  forecast  measured  day before\n");
    for (int32_t k = 0; k < HORIZON; k++) {
        const float measured = label[0][HOURS + k];
        const float before = label[0][HOURS + k - HORIZON];
        print_number(k < 9 ? "    +" : "   +", k + 1);
        print_number("       ", rounded(load[k]));
        print_number("       ", rounded(measured));
        print_number("         ", rounded(before));
        edge_print("\n");
        error += (load[k] - measured) * (load[k] - measured);
        error_of_yesterday += (before - measured) * (before - measured);
    }
    print_number("\nmean square error ", rounded(error / (float)HORIZON));
    print_number(", that of the day before ", rounded(error_of_yesterday / (float)HORIZON));
    edge_print(", self-test passed\n");
    return error < error_of_yesterday ? 0 : 1;
}
