/* From low-resolution class logits to the label map at the image's size, in C99.

   It computes what the network's own tail does: each class upsampled bilinearly, corner on corner,
   then the class with the largest value at each pixel, the lowest of equal ones.  The labels are
   those of the NumPy file that lies beside this one, to the last pixel.

       size_t bytes = fasterseg_tail_bytes(classes, height, width, out_height, out_width);
       void *work = malloc(bytes);                          // once; 0 bytes: out of bounds
       int fault = fasterseg_tail_u8(logits, classes, height, width,
                                     labels, out_height, out_width, work, 0, 1);

   - `logits`: float32, (classes, height, width), rows one after the other, all finite.
   - `labels`: (out_height, out_width), rows one after the other; uint8_t up to 256 classes, for any
     number int32_t by `fasterseg_tail_i32`.
   - `work`: memory of `fasterseg_tail_bytes`, aligned as malloc aligns, whatever is in it.
   - `part` of `parts`: 0 of 1 writes the whole map.  Parts write different pixels and may run at
     once, each on a thread and with `work` of its own: a call changes nothing but labels and work.
   - It returns 0; 1 where a number is out of bounds and nothing was written; 2 where a logit is
     NaN or infinite, and the labels mean nothing.
   Bounds: 1 to 65535 classes, 1 to 65535 rows and columns of logits and of labels, 1 to 65535 parts.

   To compile: cc -O3 -c FILE.c, with -march=native or what the device has.  Not with -ffast-math:
   products and sums are to stay as they are written, unfused.  Standard C alone; 32 bits or 64.

   How: between four neighbouring logits lies a cell of pixels, each a weighted mean of the four.
   Where the four agree on the largest class, the cell is filled with it.  In the other cells only
   classes can win whose largest corner reaches the largest of all classes' smallest corners: only
   these are computed, in tiles of at most 16 x 16 pixels, 128 tiles side by side. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __FAST_MATH__
#error "compile this file without -ffast-math: labels would differ from the network's"
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#elif defined(_MSC_VER)
#pragma fp_contract(off)
#endif

size_t fasterseg_tail_bytes(int32_t classes, int32_t height, int32_t width, int32_t out_height,
                            int32_t out_width);
int fasterseg_tail_u8(const float *logits, int32_t classes, int32_t height, int32_t width,
                      uint8_t *labels, int32_t out_height, int32_t out_width, void *work,
                      int32_t part, int32_t parts);
int fasterseg_tail_i32(const float *logits, int32_t classes, int32_t height, int32_t width,
                       int32_t *labels, int32_t out_height, int32_t out_width, void *work,
                       int32_t part, int32_t parts);

enum { MOST = 65535, LANES = 128, TILE = 16, WAITING = 1024, STRIPE = 4 };
enum { ROW, CELL, TOP, TALL, LEFT, WIDE, CANDIDATES, FIELDS };
enum { DONE = 0, OUT_OF_BOUNDS = 1, NOT_FINITE = 2 };

/* One side of the map: the pixels of cell i are start[i] up to start[i + 1], and a pixel's value is
   near * logit[i] + far * logit[i + 1]. */
typedef struct {
    int32_t cells;
    int32_t *start;
    float *near_end, *far_end;
} Axis;

typedef struct {
    const float *logits;
    size_t classes, height, width, out_width;
    uint8_t *bytes; /* labels, as the one or the other */
    int32_t *ints;
    Axis rows, columns;
    float *best, *floor, *floors, *corners, *sides, *down, *along;
    int32_t *labels, *candidates, *mixed, *tiles, *order, *cost, *counts, *ids, *ranks, *lanes;
} Job;

/* ------------------------------------------------------------------------------------ memory */

static uint64_t number_of_cells(int32_t logits) { return logits > 1 ? (uint64_t)logits - 1 : 1; }

/* The most tiles that one row of cells can have: no cell has more pixels than lie on its side. */
static uint64_t most_tiles(int32_t height, int32_t width, int32_t out_height, int32_t out_width)
{
    uint64_t highest = (uint64_t)out_height / number_of_cells(height) + 2;
    uint64_t across = (uint64_t)out_width / TILE + number_of_cells(width) + 1;
    return ((highest + TILE - 1) / TILE) * across;
}

/* Take `count` numbers of four bytes from the memory at hand; without any, only count them. */
static void *take(int32_t **at, uint64_t *total, uint64_t count)
{
    void *taken = *at;
    *total += count;
    if (*at)
        *at += count;
    return taken;
}

/* Where everything lies in `work`; returns how many numbers of four bytes that is. */
static uint64_t lay_out(Job *job, void *work, int32_t classes, int32_t height, int32_t width,
                        int32_t out_height, int32_t out_width)
{
    int32_t *at = work;
    uint64_t total = 0, room = WAITING + most_tiles(height, width, out_height, out_width);
    uint64_t down = number_of_cells(height), across = number_of_cells(width);
    uint64_t some = (uint64_t)classes + 1;
    job->rows.start = take(&at, &total, down + 1);
    job->rows.near_end = take(&at, &total, (uint64_t)out_height);
    job->rows.far_end = take(&at, &total, (uint64_t)out_height);
    job->columns.start = take(&at, &total, across + 1);
    job->columns.near_end = take(&at, &total, (uint64_t)out_width);
    job->columns.far_end = take(&at, &total, (uint64_t)out_width);
    job->best = take(&at, &total, (uint64_t)width);
    job->labels = take(&at, &total, 2 * (uint64_t)width);
    job->floor = take(&at, &total, across);
    job->candidates = take(&at, &total, across);
    job->mixed = take(&at, &total, across);
    job->tiles = take(&at, &total, room * FIELDS);
    job->floors = take(&at, &total, room);
    job->cost = take(&at, &total, room);
    job->order = take(&at, &total, room);
    job->counts = take(&at, &total, 4 * some + 5);
    job->corners = take(&at, &total, some * 4 * LANES);
    job->sides = take(&at, &total, some * 2 * LANES);
    job->ids = take(&at, &total, some * LANES);
    job->down = take(&at, &total, TILE * 2 * LANES);
    job->along = take(&at, &total, TILE * 2 * LANES);
    job->ranks = take(&at, &total, TILE * LANES);
    job->lanes = take(&at, &total, FIELDS * LANES);
    return total;
}

static int is_side(int32_t count) { return 1 <= count && count <= MOST; }

static int fits(uint64_t a, uint64_t b, uint64_t c, uint64_t bytes)
{
    return a * b <= (uint64_t)(PTRDIFF_MAX) / bytes / c;
}

size_t fasterseg_tail_bytes(int32_t classes, int32_t height, int32_t width, int32_t out_height,
                            int32_t out_width)
{
    Job job;
    uint64_t total;
    if (!is_side(classes) || !is_side(height) || !is_side(width) || !is_side(out_height) ||
        !is_side(out_width))
        return 0;
    if (!fits((uint64_t)height, (uint64_t)width, (uint64_t)classes, sizeof(float)) ||
        !fits((uint64_t)out_height, (uint64_t)out_width, 1, sizeof(int32_t)))
        return 0;
    total = lay_out(&job, NULL, classes, height, width, out_height, out_width);
    return fits(total, 1, 1, sizeof(int32_t)) ? (size_t)total * sizeof(int32_t) : 0;
}

/* -------------------------------------------------------------------------------------- axes */

static void fill_axis(Axis *axis, int32_t logits, int32_t pixels)
{
    int64_t steps = pixels > 1 ? pixels - 1 : 1, cell = 0, rest = 0;
    int64_t last = logits > 2 ? logits - 2 : 0, begun = 0;
    axis->cells = (int32_t)number_of_cells(logits);
    axis->start[0] = 0;
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        int64_t own = cell, past = rest;
        if (own > last) { /* the last pixel lies on the last logit, the far end of the last cell */
            own = last;
            past = steps;
        }
        while (begun < own)
            axis->start[++begun] = pixel;
        axis->near_end[pixel] = (float)((double)(steps - past) / (double)steps);
        axis->far_end[pixel] = (float)((double)past / (double)steps);
        rest += logits - 1;
        cell += rest / steps;
        rest %= steps;
    }
    while (begun < axis->cells)
        axis->start[++begun] = pixels;
}

/* ---------------------------------------------------------------------------- cells of one row */

/* The first class with the largest logit, for a row of logits; whether all of them are finite. */
static int arg_max_row(const Job *job, size_t row, int32_t *restrict labels)
{
    size_t width = job->width, step = job->height * width;
    float *restrict best = job->best;
    const float *restrict values = job->logits + row * width;
    uint32_t odd = 0;
    for (size_t x = 0; x < width; x++) {
        odd |= (uint32_t)(values[x] - values[x] != 0.0f);
        best[x] = values[x];
        labels[x] = 0;
    }
    for (size_t c = 1; c < job->classes; c++) {
        int32_t label = (int32_t)c;
        values += step;
        for (size_t x = 0; x < width; x++) {
            float value = values[x], old = best[x];
            int32_t known = labels[x];
            odd |= (uint32_t)(value - value != 0.0f);
            labels[x] = value > old ? label : known;
            best[x] = value > old ? value : old;
        }
    }
    return odd == 0;
}

/* Write a row of cells as if each had the label of its first corner throughout. */
static void fill_cells(const Job *job, size_t top, size_t bottom, const int32_t *restrict labels)
{
    const int32_t *restrict start = job->columns.start;
    size_t width = job->out_width, cells = (size_t)job->columns.cells;
    if (job->bytes) {
        uint8_t *restrict row = job->bytes + top * width;
        for (size_t cell = 0; cell < cells; cell++) {
            uint8_t label = (uint8_t)labels[cell];
            for (int32_t x = start[cell]; x < start[cell + 1]; x++)
                row[x] = label;
        }
        for (size_t y = top + 1; y < bottom; y++)
            memcpy(job->bytes + y * width, row, width);
    } else {
        int32_t *restrict row = job->ints + top * width;
        for (size_t cell = 0; cell < cells; cell++) {
            int32_t label = labels[cell];
            for (int32_t x = start[cell]; x < start[cell + 1]; x++)
                row[x] = label;
        }
        for (size_t y = top + 1; y < bottom; y++)
            memcpy(job->ints + y * width, row, width * sizeof(int32_t));
    }
}

/* List the cells between two rows whose corners differ; return their number. */
static size_t list_mixed(const Job *job, const int32_t *restrict upper,
                         const int32_t *restrict lower)
{
    size_t beside = job->width > 1, some = 0, cells = (size_t)job->columns.cells;
    for (size_t x = 0; x < cells; x++) {
        int32_t label = upper[x];
        int32_t differs = (label ^ upper[x + beside]) | (label ^ lower[x]) |
                          (label ^ lower[x + beside]);
        job->mixed[some] = (int32_t)x;
        some += differs != 0;
    }
    return some;
}

static inline float least(float a, float b) { return a < b ? a : b; }
static inline float largest(float a, float b) { return a > b ? a : b; }

/* The largest of the classes' minima over each cell's corners; how many classes reach it. */
static void bound_row(const Job *job, size_t row, size_t below)
{
    size_t width = job->width, beside = width > 1, step = job->height * width;
    size_t cells = (size_t)job->columns.cells;
    float *restrict floor = job->floor;
    int32_t *restrict count = job->candidates;
    const float *restrict upper = job->logits + row * width;
    const float *restrict lower = job->logits + below * width;
    for (size_t c = 0; c < job->classes; c++, upper += step, lower += step)
        for (size_t x = 0; x < cells; x++) {
            float smallest = least(least(upper[x], upper[x + beside]),
                                   least(lower[x], lower[x + beside]));
            floor[x] = c ? largest(floor[x], smallest) : smallest;
        }
    memset(count, 0, cells * sizeof(int32_t));
    upper = job->logits + row * width;
    lower = job->logits + below * width;
    for (size_t c = 0; c < job->classes; c++, upper += step, lower += step)
        for (size_t x = 0; x < cells; x++) {
            float peak = largest(largest(upper[x], upper[x + beside]),
                                 largest(lower[x], lower[x + beside]));
            count[x] += peak >= floor[x];
        }
}

/* Append the tiles of a cell to those that wait; return how many wait now. */
static size_t list_tiles(const Job *job, size_t waiting, size_t row, size_t cell)
{
    const int32_t *down = job->rows.start + row, *across = job->columns.start + cell;
    for (int32_t y = down[0]; y < down[1]; y += TILE)
        for (int32_t x = across[0]; x < across[1]; x += TILE) {
            int32_t *tile = job->tiles + waiting * FIELDS;
            tile[ROW] = (int32_t)row;
            tile[CELL] = (int32_t)cell;
            tile[TOP] = y;
            tile[TALL] = down[1] - y < TILE ? down[1] - y : TILE;
            tile[LEFT] = x;
            tile[WIDE] = across[1] - x < TILE ? across[1] - x : TILE;
            tile[CANDIDATES] = job->candidates[cell];
            job->floors[waiting++] = job->floor[cell];
        }
    return waiting;
}

/* ------------------------------------------------------------------------------ tiles in lanes */

/* The order of the tiles by candidates, then by size: tiles alike share lanes. */
static void sort_tiles(const Job *job, size_t waiting)
{
    int32_t widest = 0, highest = 0, *start = job->counts;
    memset(start, 0, (4 * job->classes + 9) * sizeof(int32_t));
    for (size_t t = 0; t < waiting; t++) {
        const int32_t *tile = job->tiles + t * FIELDS;
        widest = tile[WIDE] > widest ? tile[WIDE] : widest;
        highest = tile[TALL] > highest ? tile[TALL] : highest;
    }
    for (size_t t = 0; t < waiting; t++) {
        const int32_t *tile = job->tiles + t * FIELDS;
        job->cost[t] = 4 * tile[CANDIDATES] + 2 * (tile[WIDE] == widest) + (tile[TALL] == highest);
        start[job->cost[t] + 1]++;
    }
    for (size_t c = 0; c < 4 * job->classes + 4; c++)
        start[c + 1] += start[c];
    for (size_t t = 0; t < waiting; t++)
        job->order[start[job->cost[t]]++] = (int32_t)t;
}

static size_t most_in(const int32_t *counts)
{
    int32_t found = counts[0];
    for (size_t lane = 1; lane < LANES; lane++)
        found = counts[lane] > found ? counts[lane] : found;
    return (size_t)found;
}

/* Near and far weights of the pixels of each tile along one axis. */
static void weigh(const Axis *axis, const int32_t *first, const int32_t *count,
                  float *restrict weights)
{
    size_t most = most_in(count);
    for (size_t k = 0; k < most; k++, weights += 2 * LANES)
        for (size_t lane = 0; lane < LANES; lane++) {
            /* A smaller tile computes its last pixels again: nobody looks. */
            size_t last = (size_t)count[lane] - 1;
            size_t pixel = (size_t)first[lane] + (k < last ? k : last);
            weights[lane] = axis->near_end[pixel];
            weights[LANES + lane] = axis->far_end[pixel];
        }
}

/* Corner values and class ids of each tile's candidates, in the order of the classes.

   Returns the even number to which every lane's candidates are filled up with its first one, which
   never wins against itself. */
static size_t gather(const Job *job, const float *floor)
{
    size_t width = job->width, beside = width > 1, step = job->height * width, filled = 0;
    for (size_t lane = 0; lane < LANES; lane++) {
        size_t row = (size_t)job->lanes[ROW * LANES + lane], found = 0;
        size_t cell = (size_t)job->lanes[CELL * LANES + lane];
        const float *upper = job->logits + row * width + cell;
        const float *lower = row + 1 < job->height ? upper + width : upper;
        float *corners = job->corners + lane;
        int32_t *ids = job->ids + lane;
        for (size_t c = 0; c < job->classes; c++, upper += step, lower += step) {
            float a = upper[0], b = upper[beside], d = lower[0], e = lower[beside];
            float peak = largest(largest(a, b), largest(d, e));
            float *at = corners + found * 4 * LANES;
            at[0] = a;
            at[LANES] = b;
            at[2 * LANES] = d;
            at[3 * LANES] = e;
            ids[found * LANES] = (int32_t)c;
            found += peak >= floor[lane];
        }
        job->ranks[lane] = (int32_t)found;
        filled = found > filled ? found : filled;
    }
    filled += filled & 1;
    for (size_t lane = 0; lane < LANES; lane++) {
        float *corners = job->corners + lane;
        for (size_t n = (size_t)job->ranks[lane]; n < filled; n++) {
            job->ids[n * LANES + lane] = job->ids[lane];
            for (size_t corner = 0; corner < 4; corner++)
                corners[(4 * n + corner) * LANES] = corners[corner * LANES];
        }
    }
    return filled;
}

/* Values at the left and right end of each tile's cell in one row of pixels. */
static void mix_row(const float *restrict corners, const float *restrict weights,
                    size_t candidates, float *restrict sides)
{
    const float *restrict near_end = weights, *restrict far_end = weights + LANES;
    for (size_t n = 0; n < candidates; n++, corners += 4 * LANES, sides += 2 * LANES)
        for (size_t lane = 0; lane < LANES; lane++) {
            float one = near_end[lane] * corners[lane];
            float two = near_end[lane] * corners[LANES + lane];
            sides[lane] = one + far_end[lane] * corners[2 * LANES + lane];
            sides[LANES + lane] = two + far_end[lane] * corners[3 * LANES + lane];
        }
}

/* The rank of the first candidate with the largest value at each pixel of a row of tiles. */
static void arg_max_lanes(const float *restrict sides, const float *restrict weights, size_t width,
                          size_t candidates, int32_t *restrict ranks)
{
    float best[LANES];
    for (size_t k = 0; k < width; k++, weights += 2 * LANES, ranks += LANES) {
        const float *restrict near_end = weights, *restrict far_end = weights + LANES;
        for (size_t lane = 0; lane < LANES; lane++) {
            float one = near_end[lane] * sides[lane] + far_end[lane] * sides[LANES + lane];
            float two = near_end[lane] * sides[2 * LANES + lane] +
                        far_end[lane] * sides[3 * LANES + lane];
            best[lane] = two > one ? two : one;
            ranks[lane] = two > one ? 1 : 0;
        }
        for (size_t n = 2; n < candidates; n += 2) {
            const float *restrict these = sides + n * 2 * LANES;
            int32_t first = (int32_t)n, second = (int32_t)n + 1;
            for (size_t lane = 0; lane < LANES; lane++) {
                float old = best[lane];
                int32_t rank = ranks[lane];
                float one = near_end[lane] * these[lane] + far_end[lane] * these[LANES + lane];
                float two = near_end[lane] * these[2 * LANES + lane] +
                            far_end[lane] * these[3 * LANES + lane];
                rank = one > old ? first : rank;
                old = one > old ? one : old;
                ranks[lane] = two > old ? second : rank;
                best[lane] = two > old ? two : old;
            }
        }
    }
}

/* Write the k-th row of pixels of the tiles in the first `used` lanes. */
static void write_row(const Job *job, size_t k, size_t used)
{
    const int32_t *restrict ids = job->ids, *restrict ranks = job->ranks;
    for (size_t lane = 0; lane < used; lane++) {
        const int32_t *tile = job->lanes + lane;
        size_t width = (size_t)tile[WIDE * LANES];
        size_t at = ((size_t)tile[TOP * LANES] + k) * job->out_width + (size_t)tile[LEFT * LANES];
        if (k >= (size_t)tile[TALL * LANES])
            continue;
        if (job->bytes)
            for (size_t x = 0; x < width; x++)
                job->bytes[at + x] =
                    (uint8_t)ids[(size_t)ranks[x * LANES + lane] * LANES + lane];
        else
            for (size_t x = 0; x < width; x++)
                job->ints[at + x] = ids[(size_t)ranks[x * LANES + lane] * LANES + lane];
    }
}

/* Compute and write the pixels of the tiles that wait. */
static void label_tiles(const Job *job, size_t waiting)
{
    float floor[LANES];
    if (waiting > 0)
        sort_tiles(job, waiting);
    for (size_t first = 0; first < waiting; first += LANES) {
        size_t used = waiting - first < LANES ? waiting - first : LANES, candidates, wide, tall;
        for (size_t lane = 0; lane < LANES; lane++) {
            size_t tile = (size_t)job->order[first + (lane < used ? lane : used - 1)];
            floor[lane] = job->floors[tile];
            for (size_t field = 0; field < FIELDS; field++)
                job->lanes[field * LANES + lane] = job->tiles[tile * FIELDS + field];
        }
        weigh(&job->rows, job->lanes + TOP * LANES, job->lanes + TALL * LANES, job->down);
        weigh(&job->columns, job->lanes + LEFT * LANES, job->lanes + WIDE * LANES, job->along);
        candidates = gather(job, floor);
        wide = most_in(job->lanes + WIDE * LANES);
        tall = most_in(job->lanes + TALL * LANES);
        for (size_t k = 0; k < tall; k++) {
            mix_row(job->corners, job->down + k * 2 * LANES, candidates, job->sides);
            arg_max_lanes(job->sides, job->along, wide, candidates, job->ranks);
            write_row(job, k, used);
        }
    }
}

/* -------------------------------------------------------------------------------- the whole map */

/* Write the pixels of every `parts`-th stripe of cells, from the `part`-th on. */
static int label_part(const Job *job, size_t part, size_t parts)
{
    size_t cells = (size_t)job->rows.cells, waiting = 0;
    const int32_t *start = job->rows.start;
    for (size_t first = part * STRIPE; first < cells; first += parts * STRIPE) {
        size_t end = first + STRIPE < cells ? first + STRIPE : cells;
        if (!arg_max_row(job, first, job->labels + (first & 1) * job->width))
            return NOT_FINITE;
        for (size_t row = first; row < end; row++) {
            size_t below = row + 1 < job->height ? row + 1 : row, some;
            const int32_t *upper = job->labels + (row & 1) * job->width;
            int32_t *lower = job->labels + (below & 1) * job->width;
            if (below > row && !arg_max_row(job, below, lower))
                return NOT_FINITE;
            if (start[row] == start[row + 1])
                continue;
            fill_cells(job, (size_t)start[row], (size_t)start[row + 1], upper);
            some = list_mixed(job, upper, lower);
            if (some > 0)
                bound_row(job, row, below);
            for (size_t m = 0; m < some; m++)
                waiting = list_tiles(job, waiting, row, (size_t)job->mixed[m]);
            if (waiting >= WAITING) {
                label_tiles(job, waiting);
                waiting = 0;
            }
        }
    }
    label_tiles(job, waiting);
    return DONE;
}

static int label_map(const float *logits, int32_t classes, int32_t height, int32_t width,
                     uint8_t *bytes, int32_t *ints, int32_t out_height, int32_t out_width,
                     void *work, int32_t part, int32_t parts)
{
    Job job;
    if (!logits || !(bytes || ints) || !work || !is_side(parts) || part < 0 || part >= parts ||
        fasterseg_tail_bytes(classes, height, width, out_height, out_width) == 0)
        return OUT_OF_BOUNDS;
    (void)lay_out(&job, work, classes, height, width, out_height, out_width);
    job.logits = logits;
    job.classes = (size_t)classes;
    job.height = (size_t)height;
    job.width = (size_t)width;
    job.out_width = (size_t)out_width;
    job.bytes = bytes;
    job.ints = ints;
    fill_axis(&job.rows, height, out_height);
    fill_axis(&job.columns, width, out_width);
    return label_part(&job, (size_t)part, (size_t)parts);
}

int fasterseg_tail_u8(const float *logits, int32_t classes, int32_t height, int32_t width,
                      uint8_t *labels, int32_t out_height, int32_t out_width, void *work,
                      int32_t part, int32_t parts)
{
    if (classes > 256)
        return OUT_OF_BOUNDS;
    return label_map(logits, classes, height, width, labels, NULL, out_height, out_width, work,
                     part, parts);
}

int fasterseg_tail_i32(const float *logits, int32_t classes, int32_t height, int32_t width,
                       int32_t *labels, int32_t out_height, int32_t out_width, void *work,
                       int32_t part, int32_t parts)
{
    return label_map(logits, classes, height, width, NULL, labels, out_height, out_width, work,
                     part, parts);
}
