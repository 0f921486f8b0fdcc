/* Answers requests with liblzf, until its input ends.
 *
 * request: 'c' (compress) or 'd' (expand), u32 length, u32 most bytes of output, the bytes
 * answer:  u32 length of the output, 0 when liblzf refuses; the output
 *
 * Numbers are little-endian. */
#include <lzf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int number(uint32_t *value) {
    unsigned char bytes[4];
    if (fread(bytes, 1, 4, stdin) != 4) return 0;
    *value = bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    return 1;
}

int main(void) {
    int what;
    while ((what = getchar()) != EOF) {
        uint32_t length, most;
        if (!number(&length) || !number(&most)) return 1;
        /* One byte more: a request of no bytes is one of a valid address. */
        char *in = malloc(length + 1), *out = malloc(most + 1);
        if (!in || !out || fread(in, 1, length, stdin) != length) return 1;
        uint32_t written = what == 'c' ? lzf_compress(in, length, out, most)
                                       : lzf_decompress(in, length, out, most);
        unsigned char bytes[4] = {written, written >> 8, written >> 16, written >> 24};
        fwrite(bytes, 1, 4, stdout);
        fwrite(out, 1, written, stdout);
        fflush(stdout);
        free(in);
        free(out);
    }
    return 0;
}
