/* test_base.c: memory, names and diagnostics. */
#include "base/diag.h"
#include "base/names.h"
#include "suite.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void test_arena(void) {
    Arena arena = {0};
    for (size_t size = 0; size < 100000; size = 2 * size + 1) {
        char *bytes = arena_new(&arena, size);
        CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
        CU_ASSERT_EQUAL((uintptr_t)bytes % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++) CU_ASSERT_EQUAL_FATAL(bytes[i], 0);
        memset(bytes, 0xff, size);
    }
    CU_ASSERT_STRING_EQUAL(arena_text(&arena, "momentum", 6), "moment");
    CU_ASSERT_PTR_NULL(arena_new(&arena, SIZE_MAX));
    CU_ASSERT(arena.failed);
    arena_free(&arena);
    CU_ASSERT(!arena.failed && !arena.top);
}

static void test_grow(void) {
    void *data = NULL;
    uint32_t capacity = 0;
    CU_ASSERT(memory_grow(&data, &capacity, 17, sizeof(double)) && capacity >= 17);
    void *before = data;
    CU_ASSERT(memory_grow(&data, &capacity, 10, sizeof(double)) && data == before);
    CU_ASSERT(!memory_grow(&data, &capacity, SIZE_MAX / 2, sizeof(double)) && data == before);
    memory_free(data);
}

static void test_buffer(void) {
    static const struct {
        double value;
        const char *text;
    } number[] = {{0.1, "0.1"}, {1, "1"}, {-2.5, "-2.5"}, {1e300, "1e+300"}, {1. / 3, "0.3333333333333333"}};
    Buffer buffer = {0};
    for (int i = 0; i < 1000; i++) buffer_print(&buffer, "%d,", i);
    CU_ASSERT(buffer.size == 3890 && strncmp(buffer.bytes, "0,1,2,", 6) == 0);
    buffer_free(&buffer);
    for (size_t i = 0; i < sizeof number / sizeof *number; i++) {
        buffer_number(&buffer, number[i].value);
        CU_ASSERT_STRING_EQUAL(buffer.bytes, number[i].text);
        buffer_free(&buffer);
    }
    for (int i = 0; i < 700; i++) buffer_text(&buffer, "x");
    Buffer other = {0};
    buffer_print(&other, "<%s>", buffer.bytes); /* longer than the buffer that printing tries first */
    CU_ASSERT_EQUAL(other.size, 702);
    buffer_free(&buffer);
    buffer_free(&other);
}

static void test_names(void) {
    Names names = {0}, copy = {0};
    char text[16];
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "x%d", i);
        CU_ASSERT_EQUAL(names_intern(&names, text, strlen(text)), (NameId)i);
    }
    CU_ASSERT(names_intern(&names, "x123", 4) == 123 && names_find(&names, "x4999", 5) == 4999);
    CU_ASSERT_EQUAL(names_find(&names, "y", 1), NAME_NONE);
    CU_ASSERT_STRING_EQUAL(names_text(&names, 42), "x42");
    CU_ASSERT_STRING_EQUAL(names_text(&names, NAME_NONE), "");
    CU_ASSERT(names_copy(&copy, &names) && copy.count == names.count && names_find(&copy, "x77", 3) == 77);
    names_free(&names);
    names_free(&copy);
}

static void test_distance(void) {
    CU_ASSERT_EQUAL(names_distance("sine", "sin", 3), 1);
    CU_ASSERT_EQUAL(names_distance("setps", "steps", 3), 1);
    CU_ASSERT_EQUAL(names_distance("kitten", "sitting", 5), 3);
    CU_ASSERT_EQUAL(names_distance("kitten", "sitting", 1), 2);
    CU_ASSERT_EQUAL(names_distance("", "abc", 5), 3);
    CU_ASSERT_EQUAL(names_tolerance("q"), 0);
    CU_ASSERT_EQUAL(names_tolerance("integrate"), 2);
}

static void test_characters(void) {
    static const struct {
        const char *bytes;
        uint32_t size;
    } sample[] = {{"a", 1},
                  {"θ", 2},
                  {"€", 3},
                  {"𝜃", 4},
                  {"\x80", 0},
                  {"\xc0\xaf", 0},
                  {"\xe0\x9f\x80", 0},
                  {"\xed\xa0\x80", 0},
                  {"\xf4\x90\x80\x80", 0},
                  {"\xce", 0},
                  {"\xf0\x9d\x9c", 0}};
    for (size_t i = 0; i < sizeof sample / sizeof *sample; i++)
        CU_ASSERT_EQUAL(source_character(sample[i].bytes, sample[i].bytes + strlen(sample[i].bytes)), sample[i].size);
}

static void check_format(const Diagnostics *list, uint32_t i, const char *want) {
    char text[500];
    size_t size = lag_diagnostic_format(&list->item[i], false, text, sizeof text);
    CU_ASSERT_EQUAL(size, strlen(want));
    CU_ASSERT_STRING_EQUAL(text, want);
}

static void test_diagnostics(void) {
    static const char bytes[] = "a = 1\nθd^2 - k*θ\n\tx\n";
    Arena arena = {0};
    Diagnostics list = {0};
    const Source *source = source_new(&arena, "file.lag", bytes, sizeof bytes - 1);
    diag_error(&list, ((Span){source, 14, 15}), "say so", "wrong %d", 7);
    diag_error(&list, ((Span){source, 14, 15}), "say so", "wrong %d", 7); /* once */
    diag_note(&list, ((Span){source, 0, 1}), NULL, "first");
    diag_warning(&list, ((Span){source, 20, 21}), NULL, "after a tab");
    diag_finish(&list);
    CU_ASSERT(list.count == 3 && list.errors == 1);
    check_format(&list, 0, "file.lag:1:1: note: first\n    a = 1\n    ^\n");
    check_format(&list, 1, "file.lag:2:8: error: wrong 7\n    θd^2 - k*θ\n           ^ say so\n");
    check_format(&list, 2, "file.lag:3:2: warning: after a tab\n    \tx\n    \t^\n");
    diag_clear(&list);
    static const char odd[] = "a \0\xff\x9b x\xc2\x9b y\r\n";
    source = source_new(&arena, "f", odd, sizeof odd - 1);
    diag_error(&list, ((Span){source, 6, 10}), NULL, "odd"); /* what a terminal can't be given is '?', each one character */
    diag_error(&list, ((Span){source, 2, 3}), NULL, "nul");
    diag_finish(&list);
    check_format(&list, 0, "f:1:3: error: nul\n    a ??? x? y\n      ^\n");
    check_format(&list, 1, "f:1:7: error: odd\n    a ??? x? y\n          ^~~\n");
    diag_clear(&list);
    source = source_new(&arena, "file.lag", bytes, sizeof bytes - 1);
    diag_note(&list, ((Span){source, 0, 1}), NULL, "first");
    diag_finish(&list);
    char cut[8];
    CU_ASSERT_EQUAL(lag_diagnostic_format(&list.item[0], false, cut, sizeof cut), 42);
    CU_ASSERT_STRING_EQUAL(cut, "file.la");
    diag_clear(&list);
    CU_ASSERT(list.count == 0 && list.errors == 0);
    for (int i = 0; i < DIAG_MOST; i++) diag_note(&list, ((Span){source, 0, 1}), NULL, "note %d", i);
    CU_ASSERT(list.count == DIAG_MOST / 2 && !list.full);
    for (int i = 0; i < DIAG_MOST / 2; i++) diag_error(&list, ((Span){source, 2, 3}), NULL, "wrong %d", i);
    CU_ASSERT(list.count == DIAG_MOST && list.errors == DIAG_MOST / 2 && !list.full);
    for (int i = 0; i < 3; i++) diag_error(&list, ((Span){source, 4, 5}), NULL, "once more %d", i);
    CU_ASSERT(list.count == DIAG_MOST + 1 && list.full);
    diag_finish(&list);
    check_format(
        &list, DIAG_MOST,
        "file.lag:1:5: error: more than 1000 mistakes: the rest of the text is not looked at\n    a = 1\n        ^\n");
    diag_free(&list);
    arena_free(&arena);
}

void suite_base(void) {
    suite_add("base", (SuiteTest[]){{"arena", test_arena},
                                    {"growing arrays", test_grow},
                                    {"buffer", test_buffer},
                                    {"names", test_names},
                                    {"distance", test_distance},
                                    {"characters", test_characters},
                                    {"diagnostics", test_diagnostics},
                                    {0}});
}
