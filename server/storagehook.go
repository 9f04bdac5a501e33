package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"foyer/internal/fault"
)

// maxStorageEvents bounds the body of one request of the storage, in bytes.
const maxStorageEvents = 1 << 20

// storageEvents are events of MinIO and S3.
type storageEvents struct {
	// Event is set in S3's test event, which has no records.
	Event   string         `json:"Event"`
	Records []storageEvent `json:"Records"`
}

type storageEvent struct {
	Name string `json:"eventName"` // MinIO begins it with s3:
	S3   struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key  string `json:"key"` // encoded as in a form
			Size int64  `json:"size"`
		} `json:"object"`
	} `json:"s3"`
}

// hearStorage takes events of new objects. It answers 200 also to repeated and foreign ones, unless Foyer fails at the
// moment: then the storage repeats them.
func (a *app) hearStorage(w http.ResponseWriter, r *http.Request) error {
	if a.bucket == nil || a.config.Storage.WebhookSecret == "" {
		return fault.New(fault.NotFound, "there is nothing here")
	}
	if !showsSecret(bearerOf(r), a.config.Storage.WebhookSecret) {
		return fault.New(fault.Unauthenticated, "want the storage's secret")
	}
	events, err := readStorageEvents(w, r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), hearTimeout)
	defer cancel()
	if err := a.handleObjects(ctx, events); err != nil {
		slog.WarnContext(ctx, "cannot take the storage's news now", "err", err)
		return fault.From(err, fault.Unavailable, "try again soon")
	}
	return nil
}

// bearerOf returns the tokens of a request's Authorization headers.
func bearerOf(r *http.Request) []string {
	var tokens []string
	for _, header := range r.Header.Values("Authorization") {
		scheme, token, _ := strings.Cut(strings.TrimSpace(header), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			token = ""
		}
		tokens = append(tokens, strings.TrimSpace(token))
	}
	return tokens
}

func readStorageEvents(w http.ResponseWriter, r *http.Request) (*storageEvents, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxStorageEvents))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, err
	}
	var events storageEvents
	if err != nil || json.Unmarshal(body, &events) != nil {
		return nil, fault.New(fault.Invalid, "this is no event of a storage")
	}
	if len(events.Records) == 0 && events.Event != "s3:TestEvent" {
		return nil, fault.New(fault.Invalid, "this is no event of a storage: it has no Records")
	}
	return &events, nil
}

// handleObjects reports each new object of Foyer's bucket to recordings. It continues after an error.
func (a *app) handleObjects(ctx context.Context, events *storageEvents) error {
	var failed []error
	for _, event := range events.Records {
		created := strings.HasPrefix(strings.TrimPrefix(event.Name, "s3:"), "ObjectCreated:")
		if !created || event.S3.Bucket.Name != a.bucket.Name() {
			continue
		}
		if key, err := url.QueryUnescape(event.S3.Object.Key); err == nil {
			failed = append(failed, a.recordings.HandleObject(ctx, key, event.S3.Object.Size))
		}
	}
	return errors.Join(failed...)
}
