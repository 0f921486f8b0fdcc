/* Times liblzf: compresses a file in chunks and expands it again, five times. Prints the fewest
 * nanoseconds of both. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* As in lzf.h, which need not be installed. */
unsigned int lzf_compress(const void *in, unsigned int in_len, void *out, unsigned int out_len);
unsigned int lzf_decompress(const void *in, unsigned int in_len, void *out, unsigned int out_len);

static double now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e9 + now.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    size_t chunks = strtoul(argv[2], NULL, 10);
    unsigned int chunk = (unsigned int)strtoul(argv[3], NULL, 10);
    char *text = malloc(chunks * chunk), *packed = malloc(chunks * chunk), *back = malloc(chunk);
    unsigned int *lens = malloc(chunks * sizeof *lens);
    FILE *file = fopen(argv[1], "rb");
    if (!file || !text || !packed || !back || !lens) return 3;
    if (fread(text, chunk, chunks, file) != chunks) return 4;

    double compress = 1e18, expand = 1e18;
    for (int turn = 0; turn < 5; turn++) {
        double start = now_ns();
        for (size_t i = 0; i < chunks; i++)
            lens[i] = lzf_compress(text + i * chunk, chunk, packed + i * chunk, chunk - 4);
        double time = now_ns() - start;
        if (time < compress) compress = time;
        start = now_ns();
        for (size_t i = 0; i < chunks; i++)
            if (!lens[i] || lzf_decompress(packed + i * chunk, lens[i], back, chunk) != chunk)
                return 5;
        time = now_ns() - start;
        if (time < expand) expand = time;
        if (memcmp(back, text + (chunks - 1) * chunk, chunk)) return 6;
    }
    printf("%.0f %.0f\n", compress, expand);
    return 0;
}
