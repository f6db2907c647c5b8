/*
 * crc32.c - CRC-32 with the reflected polynomial 0xEDB88320, eight bytes at a time.
 *
 * A FINGERPRINT may cover a Send indication of 1,200 bytes, so this is on the packet path. CRC-32C
 * (0x82F63B78) is for few bytes and goes byte by byte.
 */
#include "stun/crc32.h"

/*
 * tables[n][i] is the remainder of byte i followed by n zero bytes. A remainder is linear:
 * that of i is the XOR of those of its bits, so each table is written as eight numbers and
 * the compiler works out the rest.
 */
#define BIT(i, n, r) ((((i) >> (n)) & 1) ? (r) : 0u)
#define E1(i, a, b, c, d, e, f, g, h)                                               \
	(BIT(i, 0, a) ^ BIT(i, 1, b) ^ BIT(i, 2, c) ^ BIT(i, 3, d) ^ BIT(i, 4, e) ^ \
	 BIT(i, 5, f) ^ BIT(i, 6, g) ^ BIT(i, 7, h))
#define E4(i, ...)                                                              \
	E1(i, __VA_ARGS__), E1((i) + 1, __VA_ARGS__), E1((i) + 2, __VA_ARGS__), \
		E1((i) + 3, __VA_ARGS__)
#define E16(i, ...)                                                             \
	E4(i, __VA_ARGS__), E4((i) + 4, __VA_ARGS__), E4((i) + 8, __VA_ARGS__), \
		E4((i) + 12, __VA_ARGS__)
#define E64(i, ...)                                                                  \
	E16(i, __VA_ARGS__), E16((i) + 16, __VA_ARGS__), E16((i) + 32, __VA_ARGS__), \
		E16((i) + 48, __VA_ARGS__)
#define TABLE(...)                                                                   \
	{                                                                            \
		E64(0u, __VA_ARGS__), E64(64u, __VA_ARGS__), E64(128u, __VA_ARGS__), \
			E64(192u, __VA_ARGS__)                                       \
	}

/* clang-format off */
static const uint32_t tables[8][256] = {
	TABLE(0x77073096, 0xEE0E612C, 0x076DC419, 0x0EDB8832,
	      0x1DB71064, 0x3B6E20C8, 0x76DC4190, 0xEDB88320),
	TABLE(0x191B3141, 0x32366282, 0x646CC504, 0xC8D98A08,
	      0x4AC21251, 0x958424A2, 0xF0794F05, 0x3B83984B),
	TABLE(0x01C26A37, 0x0384D46E, 0x0709A8DC, 0x0E1351B8,
	      0x1C26A370, 0x384D46E0, 0x709A8DC0, 0xE1351B80),
	TABLE(0xB8BC6765, 0xAA09C88B, 0x8F629757, 0xC5B428EF,
	      0x5019579F, 0xA032AF3E, 0x9B14583D, 0xED59B63B),
	TABLE(0x3D6029B0, 0x7AC05360, 0xF580A6C0, 0x30704BC1,
	      0x60E09782, 0xC1C12F04, 0x58F35849, 0xB1E6B092),
	TABLE(0xCB5CD3A5, 0x4DC8A10B, 0x9B914216, 0xEC53826D,
	      0x03D6029B, 0x07AC0536, 0x0F580A6C, 0x1EB014D8),
	TABLE(0xA6770BB4, 0x979F1129, 0xF44F2413, 0x33EF4E67,
	      0x67DE9CCE, 0xCFBD399C, 0x440B7579, 0x8816EAF2),
	TABLE(0xCCAA009E, 0x4225077D, 0x844A0EFA, 0xD3E51BB5,
	      0x7CBB312B, 0xF9766256, 0x299DC2ED, 0x533B85DA),
};
static const uint32_t castagnoli[256] =
	TABLE(0xF26B8303, 0xE13B70F7, 0xC79A971F, 0x8AD958CF,
	      0x105EC76F, 0x20BD8EDE, 0x417B1DBC, 0x82F63B78);
/* clang-format on */

/* The CRC is reflected: the first byte belongs in the low bits. */
static inline uint32_t load_le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint32_t stun_crc32(struct slice bytes)
{
	uint32_t crc = 0xFFFFFFFFu;

	for (; bytes.len >= 8; bytes = slice_skip(bytes, 8)) {
		uint32_t lo = load_le32(bytes.data) ^ crc;
		uint32_t hi = load_le32(bytes.data + 4);

		crc = tables[7][lo & 0xFF] ^ tables[6][lo >> 8 & 0xFF] ^
		      tables[5][lo >> 16 & 0xFF] ^ tables[4][lo >> 24] ^
		      tables[3][hi & 0xFF] ^ tables[2][hi >> 8 & 0xFF] ^
		      tables[1][hi >> 16 & 0xFF] ^ tables[0][hi >> 24];
	}
	for (size_t i = 0; i < bytes.len; i++)
		crc = crc >> 8 ^ tables[0][(crc ^ bytes.data[i]) & 0xFF];
	return ~crc;
}

uint32_t stun_crc32c(uint32_t before, struct slice bytes)
{
	uint32_t crc = ~before;

	for (size_t i = 0; i < bytes.len; i++)
		crc = crc >> 8 ^ castagnoli[(crc ^ bytes.data[i]) & 0xFF];
	return ~crc;
}
