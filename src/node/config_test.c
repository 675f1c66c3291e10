/* SPDX-License-Identifier: Apache-2.0 */
#include "base/unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/config.h"

static char home[64];

static int make_home(void **state)
{
    (void)state;
    memcpy(home, "/tmp/creto-config-XXXXXX", sizeof "/tmp/creto-config-XXXXXX");
    return mkdtemp(home) == NULL;
}

static int remove_home(void **state)
{
    (void)state;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/creto.conf", home);
    (void)unlink(path); /* absent when the last test wrote none */
    return rmdir(home);
}

static void write_file(const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/creto.conf", home);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static struct cr_config config;
static struct cr_config_failure failure;

static enum cr_err load(const char *text)
{
    write_file(text);
    memset(&failure, 0, sizeof failure);
    return cr_config_load(home, &config, &failure);
}

static void assert_value(const char *name, const char *value, enum cr_config_source source)
{
    char text[CR_PATH_BYTES_MAX];
    enum cr_config_source from = CR_CONFIG_FLAG;
    assert_true(cr_config_get(&config, name, text, sizeof text, &from));
    assert_string_equal(text, value);
    assert_int_equal(from, source);
}

/* Goal: without a file every key has the default that the schema promises. Method: compare the text
 * of each with its preset. */
static void defaults_are_those_of_the_schema(void **state)
{
    (void)state;
    uint32_t count = 0;
    const struct cr_config_key *keys = cr_config_keys(&count);
    assert_int_equal(load(""), CR_OK);
    for (uint32_t i = 0; i < count; i++) {
        char wanted[CR_PATH_BYTES_MAX];
        const bool below = strncmp(keys[i].preset, "HOME", 4) == 0;
        (void)snprintf(wanted, sizeof wanted, "%s%s", below ? home : "",
                       keys[i].preset + (below ? 4 : 0));
        assert_value(keys[i].name, wanted, CR_CONFIG_DEFAULT);
    }
    assert_int_equal(config.state_map_bytes, UINT64_C(8) << 30);
    assert_int_equal(config.mempool_bytes, 32 << 20);
    assert_int_equal(config.workers, 0);
    assert_int_equal(config.cross_check, 4096);
    assert_int_equal(config.log_level, CR_LOG_LEVEL_INFO);
    assert_true(config.gso);
}

/* Goal: default < file < environment < flag. Method: set one key at each level in turn. */
static void later_sources_win(void **state)
{
    (void)state;
    assert_int_equal(load("[api]\nlisten = \"127.0.0.1:1\" ; quoted\n[storage]\npath = /x\n"),
                     CR_OK);
    assert_value("api.listen", "127.0.0.1:1", CR_CONFIG_FILE);
    assert_value("storage.path", "/x", CR_CONFIG_FILE);
    assert_int_equal(setenv("CRETO_API_LISTEN", "[::1]:2", 1), 0);
    assert_int_equal(setenv("CRETO_BIN_DIR", "not a key of ours", 1), 0);
    assert_int_equal(load("[api]\nlisten = 127.0.0.1:1\n"), CR_OK);
    assert_int_equal(unsetenv("CRETO_API_LISTEN"), 0);
    assert_value("api.listen", "[::1]:2", CR_CONFIG_ENV);
    assert_int_equal(cr_config_set(&config, "api.listen", "a:3", &failure), CR_OK);
    assert_value("api.listen", "a:3", CR_CONFIG_FLAG);
}

static void peers_are_read(void **state)
{
    (void)state;
    assert_int_equal(load("[p2p]\npeer.bank-a = 10.0.0.1:7000\npeer.b = b.example:7\n"), CR_OK);
    assert_int_equal(config.peers_count, 2);
    assert_string_equal(config.peers[0].name, "bank-a");
    assert_string_equal(config.peers[1].address, "b.example:7");
    assert_int_equal(cr_config_set(&config, "p2p.peer.b", "c:8", &failure), CR_OK);
    assert_int_equal(config.peers_count, 2);
    assert_string_equal(config.peers[1].address, "c:8");
}

/* Goal: what is wrong is refused with line, reason and way out. Method: one bad file per kind of
 * mistake, and a piece of the message. */
static void mistakes_are_explained(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"\n[api]\nlistne = 1.2.3.4:5\n",
         "creto.conf:3: unknown key 'api.listne'; did you mean 'api.listen'?"},
        {"[apo]\nlisten = 1.2.3.4:5\n",
         "creto.conf:2: unknown key 'apo.listen'; did you mean 'api.listen'?"},
        {"[zoo]\nelephants = 4\n", "lists all keys"},
        {"[api]\nlisten = 1.2.3.4\n", "api.listen: '1.2.3.4' is no address"},
        {"[api]\nlisten = a:70000\n", "is no address"},
        {"[api]\nlisten = a:0\n", "is no address"},
        {"[api]\nlisten =\n", "is no address"},
        {"[api]\nconnections_max = 12x\n", "is not a whole number"},
        {"[api]\nconnections_max = -1\n", "is not a whole number"},
        {"[api]\nconnections_max = 1\n", "it must be 4 to 65536"},
        {"[api]\nconnections_max = 99999999999999999999\n", "is not a whole number"},
        {"[storage]\nmap_bytes = 8GB\n", "is not a size"},
        {"[storage]\nmap_bytes = 1KiB\n", "it must be 16MiB to 1TiB"},
        {"[storage]\npath =\n", "the path is empty"},
        {"[p2p]\ngso = yes\n", "is neither true nor false"},
        {"[log]\nlevel = loud\n", "is none of error, warn, info, debug"},
        {"[node]\nhome = /x\n", "is chosen by --home"},
        {"[p2p]\npeer.-x = a:1\n", "is no validator name"},
        {"[p2p]\npeer.x = a\n", "is no address"},
        {"[p2p]\npeer.x = a:1\npeer.x = a:2\n", "creto.conf:3: 'p2p.peer.x' is set twice"},
        {"[log]\nlevel = warn\nlevel = info\n", "creto.conf:3: 'log.level' is set twice"},
        {"[log\nlevel = warn\n", "creto.conf:2: 'level' stands in no section"},
        {"[log]\nlevel\n", "creto.conf:2: expected"},
    };
    for (uint32_t i = 0; i < CR_COUNT_OF(cases); i++) {
        assert_int_equal(load(cases[i].text), CR_ERR_CONFIG);
        if (strstr(failure.text, cases[i].message) == NULL) {
            print_error("%s\n  said: %s\n", cases[i].text, failure.text);
        }
        assert_non_null(strstr(failure.text, cases[i].message));
        assert_int_equal(failure.err, CR_ERR_CONFIG);
    }
}

/* Goal: a line that does not fit the parser's buffer is not read as two. */
static void long_lines_are_refused(void **state)
{
    (void)state;
    char text[1024] = "[storage]\npath = /";
    memset(text + strlen(text), 'x', 900);
    assert_int_equal(load(text), CR_ERR_CONFIG);
    assert_non_null(strstr(failure.text, "creto.conf:2: the line is longer"));
}

static void mistakes_in_the_environment_are_found(void **state)
{
    (void)state;
    assert_int_equal(setenv("CRETO_API_LISTNE", "a:1", 1), 0);
    assert_int_equal(load(""), CR_ERR_CONFIG);
    assert_non_null(strstr(failure.text, "did you mean 'CRETO_API_LISTEN'?"));
    assert_int_equal(unsetenv("CRETO_API_LISTNE"), 0);
    assert_int_equal(load(""), CR_OK);
}

/* Goal: a refused flag changes nothing. */
static void failure_leaves_the_value(void **state)
{
    (void)state;
    assert_int_equal(load(""), CR_OK);
    assert_int_equal(cr_config_set(&config, "api.listen", "nowhere", &failure), CR_ERR_CONFIG);
    assert_value("api.listen", "127.0.0.1:7080", CR_CONFIG_DEFAULT);
    assert_int_equal(cr_config_set(&config, "api.lsten", "a:1", &failure), CR_ERR_CONFIG);
    assert_string_equal(failure.text, "--set: unknown key 'api.lsten'; did you mean 'api.listen'?");
}

static void relative_paths_begin_at_home(void **state)
{
    (void)state;
    char wanted[128];
    assert_int_equal(load("[node]\ngenesis = ../genesis.json\n"), CR_OK);
    (void)snprintf(wanted, sizeof wanted, "%s/../genesis.json", home);
    assert_string_equal(config.genesis, wanted);
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(cr_text_distance("", ""), 0);
    assert_int_equal(cr_text_distance("abc", ""), 3);
    assert_int_equal(cr_text_distance("kitten", "sitting"), 3);
    assert_int_equal(cr_text_distance("same", "same"), 0);
    char text[CR_CONFIG_NAME_BYTES + 1];
    memset(text, 'a', sizeof text);
    text[CR_CONFIG_NAME_BYTES] = 0;
    assert_int_equal(cr_text_distance(text, "a"), UINT32_MAX);
    assert_int_equal(cr_text_distance(text + 1, "a"), CR_CONFIG_NAME_BYTES - 2);
}

static void names_and_addresses(void **state)
{
    (void)state;
    static const char *const good[] = {"a:1", "a.example:65535", "[::1]:7000", "10.0.0.1:7"};
    static const char *const bad[] = {"", ":1", "a:", "a", "[]:1", "[:1", "a b:1", "a:1:2", "a:+1"};
    for (uint32_t i = 0; i < CR_COUNT_OF(good); i++)
        assert_true(cr_address_ok(good[i]));
    for (uint32_t i = 0; i < CR_COUNT_OF(bad); i++)
        assert_false(cr_address_ok(bad[i]));
    assert_true(cr_name_ok("bank-a_1.x"));
    assert_true(cr_name_ok("12345678901234567890123456789012"));
    assert_false(cr_name_ok("123456789012345678901234567890123"));
    assert_false(cr_name_ok(""));
    assert_false(cr_name_ok("-a"));
    assert_false(cr_name_ok("a/b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_schema),
        cmocka_unit_test(later_sources_win),
        cmocka_unit_test(peers_are_read),
        cmocka_unit_test(mistakes_are_explained),
        cmocka_unit_test(long_lines_are_refused),
        cmocka_unit_test(mistakes_in_the_environment_are_found),
        cmocka_unit_test(failure_leaves_the_value),
        cmocka_unit_test(relative_paths_begin_at_home),
        cmocka_unit_test(distances),
        cmocka_unit_test(names_and_addresses),
    };
    return cmocka_run_group_tests(tests, make_home, remove_home);
}
