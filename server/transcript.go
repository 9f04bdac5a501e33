package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/google/uuid"

	"foyer/ent/recording"
	"foyer/internal/fault"
)

const maxTranscript = 4 << 10 // bytes of a request

// hearTranscript takes the result of a transcript from the service that makes them.
func (a *app) hearTranscript(w http.ResponseWriter, r *http.Request) error {
	if !showsSecret(bearerOf(r), a.config.Webhooks.TranscriptSecret) {
		return fault.New(fault.Unauthenticated, "want Authorization: Bearer and the secret")
	}
	var said struct {
		RecordingID string               `json:"recordingId"`
		Status      recording.Transcript `json:"status"`
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxTranscript))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return err
	}
	if err != nil || json.Unmarshal(body, &said) != nil {
		return fault.New(fault.Invalid, `want {"recordingId": "…", "status": "READY" or "FAILED"}`)
	}
	id, err := uuid.Parse(said.RecordingID)
	if err != nil {
		return fault.Field("recordingId", "recordingId is not a UUID")
	}
	ctx, cancel := context.WithTimeout(r.Context(), hearTimeout)
	defer cancel()
	return a.recordings.FinishTranscript(ctx, id, said.Status)
}
