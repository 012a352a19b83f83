# Builds the firmware of one of the examples for a Cortex-M4 and runs it in QEMU. A Makefile beside
# main.c sets NAME and includes this:
#
#   make -C firmware/NAME         compile the model if need be, build program.elf
#   make -C firmware/NAME run     the same, and run it
#
# For another board, exchange what stands under "board" and the start-up files in COMMON_SOURCES.

ROOT := ../..
COMMON := ../common
BUILD ?= $(ROOT)/build/firmware-$(NAME)

# --- The model: lstm-edge writes the C files into $(GENERATED). ----------------------------------
# OPTIONS: more of `compile`, set before this is included, with a place of their own to write to.
EXAMPLE := $(ROOT)/examples/$(NAME)
GENERATED ?= $(ROOT)/build/$(NAME)
OPTIONS ?=
LSTM_EDGE := $(firstword $(wildcard $(ROOT)/.venv/bin/lstm-edge) lstm-edge)

# --- The board: a Cortex-M4 as QEMU's mps2-an386 has it. -----------------------------------------
CC := arm-none-eabi-gcc
CPU := -mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard
DEFINES := -DEDGE_CPUID=0x410fc240u -DEDGE_CPUID_MASK=0xff00fff0u
MEMORY := VECTORS_ORIGIN=0x00000000 VECTORS_SIZE=0x100 \
          FLASH_ORIGIN=0x00000100 FLASH_SIZE=0x3fff00 \
          RAM_ORIGIN=0x20000000 RAM_SIZE=0x400000
QEMU := qemu-system-arm -machine mps2-an386 -cpu cortex-m4 \
        -display none -monitor none -serial none -chardev stdio,id=console,signal=off \
        -semihosting-config enable=on,target=native,chardev=console

CFLAGS := -std=c99 -O2 -Wall -Wextra -ffunction-sections -fdata-sections \
          -I$(GENERATED) -I$(COMMON) -I.
LDFLAGS := -specs=nano.specs -nostartfiles -Wl,--gc-sections

MODEL_SOURCES := $(addprefix $(GENERATED)/$(NAME),.c _weights.c _selftest.c)
COMMON_SOURCES := $(addprefix $(COMMON)/,startup.c semihosting.c edge_io_semihosting.c)
SOURCES := $(sort $(wildcard *.c)) $(MODEL_SOURCES) $(COMMON_SOURCES)

.PHONY: all run clean
all: $(BUILD)/program.elf

# RUN_IN: where the emulator finds the files that the program opens.
RUN_IN ?= .
run: $(BUILD)/program.elf
	cd $(RUN_IN) && $(QEMU) -kernel $(abspath $<)

clean:
	rm -rf $(BUILD)

$(BUILD)/program.elf: $(SOURCES) $(BUILD)/link.ld $(wildcard *.h)
	$(CC) $(CPU) $(DEFINES) $(CFLAGS) $(LDFLAGS) -T $(BUILD)/link.ld $(SOURCES) -o $@
	arm-none-eabi-size $@

$(BUILD)/link.ld: $(COMMON)/link.ld.in $(COMMON)/example.mk
	mkdir -p $(BUILD)
	sed $(foreach entry,$(MEMORY),-e 's/@$(subst =,@/,$(entry))/') $< > $@

# manifest.json is one of the files that lstm-edge writes: they are all there when it is.
$(MODEL_SOURCES): $(GENERATED)/manifest.json ;

$(GENERATED)/manifest.json: $(EXAMPLE)/$(NAME).onnx $(EXAMPLE)/calibration.npz
	$(LSTM_EDGE) compile $(EXAMPLE)/$(NAME).onnx --target cortex-m4 \
	    --calibration $(EXAMPLE)/calibration.npz $(OPTIONS) -o $(GENERATED)
