/* SPDX-License-Identifier: Apache-2.0 */
#include "node/seal.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/hash.h"

/* FREE -> GIVEN by the main loop, GIVEN -> DONE by the signer, DONE -> FREE by the main loop. */
enum phase { FREE = 0, GIVEN, DONE };

struct cr_seal {
    const struct cr_secret_key *key;
    enum cr_alg alg;
    uint8_t context[CR_VERTEX_CONTEXT_BYTES];
    int wake_fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    bool stopping;
    enum phase phase; /* under the lock */
    struct cr_seal_job job;
};

size_t cr_seal_vertex_bytes(const struct cr_header *header, enum cr_alg alg)
{
    return cr_header_bytes(header) + 3 + cr_alg_sig_bytes(alg) + header->payload_bytes;
}

static void seal_one(const struct cr_seal *s, struct cr_seal_job *job)
{
    uint8_t header[CR_HEADER_BYTES_MAX];
    uint8_t signature[CR_SIG_BYTES_MAX];
    size_t signature_bytes = 0;
    const size_t payload_offset = job->vertex_bytes - job->header.payload_bytes;

    job->header.payload_root = cr_hash_of(job->vertex + payload_offset, job->header.payload_bytes);
    const size_t header_bytes = cr_header_encode(&job->header, header, sizeof header);
    job->digest = cr_header_digest(header, header_bytes);
    job->failed = cr_sign(s->key, s->context, sizeof s->context, job->digest.bytes, CR_HASH_BYTES,
                          signature, &signature_bytes) != CR_OK;
    if (job->failed) return;
    const size_t head_bytes = cr_vertex_encode_head(&job->header, s->alg, signature,
                                                    signature_bytes, job->vertex, payload_offset);
    CR_ASSERT(head_bytes == payload_offset);
}

static void *work(void *context)
{
    struct cr_seal *s = context;
    for (;;) {
        const uint64_t one = 1;
        pthread_mutex_lock(&s->lock);
        while (s->phase != GIVEN && !s->stopping)
            pthread_cond_wait(&s->more, &s->lock);
        const bool stopping = s->stopping;
        pthread_mutex_unlock(&s->lock);
        if (stopping) return NULL;
        seal_one(s, &s->job);
        pthread_mutex_lock(&s->lock);
        s->phase = DONE;
        pthread_mutex_unlock(&s->lock);
        if (write(s->wake_fd, &one, sizeof one) < 0) continue; /* full: it wakes anyway */
    }
}

struct cr_seal *cr_seal_start(const struct cr_secret_key *key, const struct cr_hash *genesis_id,
                              int wake_fd)
{
    struct cr_public_key public_key;
    struct cr_seal *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    cr_secret_key_public(key, &public_key);
    s->key = key;
    s->alg = public_key.alg;
    s->wake_fd = wake_fd;
    cr_vertex_context(genesis_id, s->context);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->more, NULL);
    if (pthread_create(&s->thread, NULL, work, s) == 0) return s;
    free(s);
    return NULL;
}

void cr_seal_stop(struct cr_seal *s)
{
    if (!s) return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_signal(&s->more);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->more);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static bool is_in(struct cr_seal *s, enum phase phase)
{
    pthread_mutex_lock(&s->lock);
    const bool is = s->phase == phase;
    pthread_mutex_unlock(&s->lock);
    return is;
}

static void move(struct cr_seal *s, enum phase phase)
{
    pthread_mutex_lock(&s->lock);
    s->phase = phase;
    pthread_cond_signal(&s->more);
    pthread_mutex_unlock(&s->lock);
}

struct cr_seal_job *cr_seal_new(struct cr_seal *s)
{
    CR_ASSERT(is_in(s, FREE));
    return &s->job;
}

void cr_seal_submit(struct cr_seal *s)
{
    move(s, GIVEN);
}

struct cr_seal_job *cr_seal_done(struct cr_seal *s)
{
    return is_in(s, DONE) ? &s->job : NULL;
}

void cr_seal_release(struct cr_seal *s)
{
    move(s, FREE);
}
