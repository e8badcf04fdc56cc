// The board's top level behind a pseudo-terminal: bytes of the terminal become levels on rx, bit
// by bit at the design's own divisor, and levels on tx become bytes. lgncc/sim/simboard.py
// compiles this with Verilator's model of board.v and says what is and is not simulated.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <random>
#include <string>

#include "Vlgncc_bench.h"
#include "verilated.h"

namespace {

volatile sig_atomic_t stop_asked = 0;
volatile sig_atomic_t reset_asked = 0;

void on_signal(int number) {
    if (number == SIGUSR1) {
        reset_asked = 1;
    } else {
        stop_asked = 1;
    }
}

[[noreturn]] void fail(const char* what) {
    std::fprintf(stderr, "error: simboard: %s: %s\n", what, std::strerror(errno));
    std::exit(3);
}

// What may happen to a byte on its way, each with its probability.
struct Faults {
    double corrupt = 0, drop = 0, duplicate = 0, swap = 0;
    std::mt19937_64 random;
    std::uniform_real_distribution<double> uniform{0.0, 1.0};
    std::deque<uint8_t> held;  // of a swap, the byte that waits for the next
    uint64_t injected = 0;

    bool happens(double probability) {
        const bool yes = probability > 0 && uniform(random) < probability;
        injected += yes;
        return yes;
    }

    template <typename Queue>
    void pass(uint8_t byte, Queue& to) {
        if (happens(drop)) return;
        if (happens(corrupt)) byte ^= 1 + random() % 255;
        const int copies = happens(duplicate) ? 2 : 1;
        if (held.empty() && happens(swap)) {
            held.push_back(byte);
            return;
        }
        for (int i = 0; i < copies; i++) to.push_back(byte);
        for (; !held.empty(); held.pop_front()) to.push_back(held.front());
    }
};

// Levels on tx to bytes, sampled in the middle of each bit.
struct Receiver {
    uint64_t divisor = 0, wait = 0;
    int bit = -1;  // -1: waiting for a start bit
    uint8_t value = 0;

    // One clock cycle; true when `value` is a whole byte.
    bool cycle(bool level) {
        if (bit < 0) {
            if (level) return false;
            bit = 0;
            wait = divisor + divisor / 2;
            return false;
        }
        if (--wait) return false;
        wait = divisor;
        if (bit < 8) {
            value = uint8_t(value >> 1 | (level ? 0x80 : 0));
            bit++;
            return false;
        }
        bit = -1;
        return level;  // without its stop bit it is no byte
    }
};

struct Terminal {
    int master = -1, slave = -1;
    std::string link;

    void open(const std::string& link_path) {
        master = posix_openpt(O_RDWR | O_NOCTTY);
        if (master < 0 || grantpt(master) || unlockpt(master)) fail("no pseudo-terminal");
        const char* name = ptsname(master);
        // Held open, so that a client may come and go.
        slave = ::open(name, O_RDWR | O_NOCTTY);
        termios settings;
        if (slave < 0 || tcgetattr(slave, &settings)) fail(name);
        cfmakeraw(&settings);
        tcsetattr(slave, TCSANOW, &settings);
        fcntl(master, F_SETFL, O_NONBLOCK);
        if (!link_path.empty()) {
            const std::string partial = link_path + ".partial";
            unlink(partial.c_str());
            if (symlink(name, partial.c_str()) || rename(partial.c_str(), link_path.c_str()))
                fail(link_path.c_str());
            link = link_path;
        }
        std::printf("port: %s\n", link.empty() ? name : link.c_str());
        std::fflush(stdout);
    }

    void close() {
        if (!link.empty()) unlink(link.c_str());
        ::close(slave);
        ::close(master);
    }
};

class Board {
  public:
    uint64_t divisor, hz;
    Faults to_board, to_host;
    Terminal terminal;

    Board(int count, char** words) { context.commandArgs(count, words); }

    void run() {
        using clock = std::chrono::steady_clock;
        receiver.divisor = divisor;
        const uint64_t idle_cycles = hz / 50;
        uint64_t last_active = 0, base_cycles = 0;
        auto base_time = clock::now();
        top.rst = 0;
        top.rx = 1;
        while (!stop_asked) {
            exchange();
            if (reset_asked) {
                reset_asked = 0;
                top.rst = 1;
                bit_time(true);
                top.rst = 0;
                std::printf("reset\n");
                std::fflush(stdout);
            }
            const bool active = byte_time();
            if (active) last_active = cycles;
            // Nothing has moved for long: the design sleeps as well, until a byte comes.
            if (cycles - last_active > idle_cycles) {
                pollfd wanted{terminal.master, POLLIN, 0};
                awake_cycles += last_busy - first_busy;
                first_busy = last_busy = 0;
                sleeps++;
                poll(&wanted, 1, -1);
                last_active = base_cycles = cycles;
                base_time = clock::now();
            }
            // Never quicker than the real board.
            const std::chrono::duration<double> ahead(double(cycles - base_cycles) / double(hz));
            const auto early = ahead - (clock::now() - base_time);
            if (early > std::chrono::milliseconds(1)) {
                usleep(useconds_t(1e6 * std::chrono::duration<double>(early).count()));
            }
        }
    }

    // awake_cycles: from the first to the last bit on the line between two sleeps, summed up.
    void report() const {
        std::printf(
            "{\"cycles\": %llu, \"awake_cycles\": %llu, \"sleeps\": %llu, "
            "\"bytes_to_board\": %llu, \"bytes_to_host\": %llu, \"faults\": %llu}\n",
            (unsigned long long)cycles,
            (unsigned long long)(awake_cycles + last_busy - first_busy),
            (unsigned long long)sleeps, (unsigned long long)sent, (unsigned long long)heard,
            (unsigned long long)(to_board.injected + to_host.injected));
    }

  private:
    VerilatedContext context;
    Vlgncc_bench top{&context};
    Receiver receiver;
    std::deque<uint8_t> waiting;   // for the board
    std::deque<uint8_t> answered;  // for the host
    uint64_t cycles = 0, sent = 0, heard = 0, first_busy = 0, last_busy = 0;
    uint64_t awake_cycles = 0, sleeps = 0;

    // Bytes from and to the terminal, as far as it goes without waiting.
    void exchange() {
        uint8_t buffer[64];
        // No more than the wire takes soon: the rest waits in the terminal, as in a real port.
        if (waiting.size() < sizeof buffer && answered.size() < 1 << 20) {
            const ssize_t count = read(terminal.master, buffer, sizeof buffer);
            for (ssize_t i = 0; i < count; i++) to_board.pass(buffer[i], waiting);
        }
        while (!answered.empty()) {
            const uint8_t byte = answered.front();
            if (write(terminal.master, &byte, 1) != 1) break;
            answered.pop_front();
        }
    }

    // One bit on rx.
    void bit_time(bool level) {
        top.rx = level;
        for (uint64_t i = 0; i < divisor; i++) {
            top.clk = top.core_clk = 1;
            top.eval();
            top.clk = top.core_clk = 0;
            top.eval();
            if (receiver.cycle(top.tx)) {
                heard++;
                to_host.pass(receiver.value, answered);
            }
        }
        cycles += divisor;
    }

    // The next byte on rx, or as long a pause; whether anything moved.
    bool byte_time() {
        if (waiting.empty()) {
            bit_time(true);
            if (receiver.bit >= 0) last_busy = cycles;
            return receiver.bit >= 0;
        }
        sent++;
        if (!first_busy) first_busy = cycles;
        const uint8_t byte = waiting.front();
        waiting.pop_front();
        bit_time(false);
        for (int i = 0; i < 8; i++) bit_time(byte >> i & 1);
        bit_time(true);
        last_busy = cycles;
        return true;
    }
};

}  // namespace

// Arguments: divisor, clock in Hz, corrupt, drop, duplicate, swap, seed, link (may be empty), and
// +flash= with the path of what stands in the flash.
int main(int count, char** words) {
    if (count != 10) return 2;
    Board board(count, words);
    board.divisor = std::strtoull(words[1], nullptr, 10);
    board.hz = std::strtoull(words[2], nullptr, 10);
    const uint64_t seed = std::strtoull(words[7], nullptr, 10);
    uint64_t direction = 0;
    for (Faults* faults : {&board.to_board, &board.to_host}) {
        faults->corrupt = std::atof(words[3]);
        faults->drop = std::atof(words[4]);
        faults->duplicate = std::atof(words[5]);
        faults->swap = std::atof(words[6]);
        faults->random.seed(2 * seed + direction++);
    }
    struct sigaction action{};
    action.sa_handler = on_signal;
    for (int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaction(number, &action, nullptr);
    signal(SIGPIPE, SIG_IGN);
    board.terminal.open(words[8]);
    board.run();
    board.terminal.close();
    board.report();
    return 0;
}
