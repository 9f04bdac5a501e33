package main

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"foyer/auth"
	"foyer/internal/bucket"
	"foyer/internal/fault"
	"foyer/recordings"
)

// Headers between nginx and Foyer: three describe the request that nginx got, and three of the answer go with the
// signature.
const (
	mediaSecretHeader = "X-Media-Secret"
	mediaURLHeader    = "X-Original-URL"
	mediaMethodHeader = "X-Original-Method"
	mediaHostHeader   = "X-Media-Host"
	mediaPathHeader   = "X-Media-Path"
	mediaNameHeader   = "X-Media-Name"
)

// errMedia is the one answer to everything refused, so that nobody learns which files exist.
var errMedia = fault.New(fault.Forbidden, "not for you")

// authorizeMedia tells nginx whether the viewer may have a file (auth_request), and signs the request that nginx then
// sends to the bucket. It answers 200, 401 or 403. If Foyer cannot decide at the moment, it answers another status, and
// nginx answers an error.
func (a *app) authorizeMedia(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	signed, name, err := a.signMedia(r)
	if err != nil {
		refuseMedia(w, r, err)
		return
	}
	maps.Copy(w.Header(), signed.Header)
	w.Header().Set(mediaHostHeader, signed.Host)
	w.Header().Set(mediaPathHeader, signed.Path)
	w.Header().Set(mediaNameHeader, name)
}

// refuseMedia answers without a body.
func refuseMedia(w http.ResponseWriter, r *http.Request, err error) {
	switch kind := fault.Of(err).Kind; kind {
	case fault.Unauthenticated:
		w.Header().Set("WWW-Authenticate", "Bearer")
		w.WriteHeader(http.StatusUnauthorized)
	case fault.Internal, fault.Unavailable:
		slog.ErrorContext(r.Context(), "cannot tell who may have a file", "err", err)
		w.WriteHeader(statuses[kind])
	default:
		w.WriteHeader(http.StatusForbidden)
	}
}

// signMedia returns the signed request for the bucket, and a name for the file.
func (a *app) signMedia(r *http.Request) (signed bucket.Signed, name string, err error) {
	if a.bucket == nil || !showsSecret(r.Header.Values(mediaSecretHeader), a.config.Storage.MediaSecret) {
		return signed, "", errMedia
	}
	file, ok := recordingFile(r.Header.Values(mediaURLHeader))
	if !ok {
		return signed, "", errMedia
	}
	viewer, err := a.viewer(r)
	if err != nil {
		return signed, "", err
	}
	recording, err := a.recordings.Media(auth.NewContext(r.Context(), viewer), file)
	if err != nil {
		return signed, "", err
	}
	method := cmp.Or(r.Header.Get(mediaMethodHeader), http.MethodGet)
	if method != http.MethodGet && method != http.MethodHead {
		return signed, "", errMedia
	}
	signed, err = a.bucket.Sign(method, recordings.Key(recording))
	return signed, recordings.DownloadName(recording), err
}

// showsSecret reports in constant time whether a header has one value, the secret. It is false for a secret that is not
// set.
func showsSecret(values []string, secret string) bool {
	if secret == "" || len(values) != 1 {
		return false
	}
	shown, wanted := sha256.Sum256([]byte(values[0])), sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(shown[:], wanted[:]) == 1
}

// mediaPath is the path under which nginx serves recordings.
var mediaPath = []string{"", "media", "recordings"}

// recordingFile returns the name of the file in a header's one value: a URL or a path of exactly Foyer's form. It
// decodes each part of the path once, so an encoded slash does not separate parts.
func recordingFile(values []string) (string, bool) {
	if len(values) != 1 {
		return "", false
	}
	at, err := url.ParseRequestURI(values[0])
	if err != nil || at.RawQuery != "" || at.ForceQuery {
		return "", false
	}
	if at.Scheme != "" && (at.Host == "" || at.Scheme != "https" && at.Scheme != "http") {
		return "", false
	}
	parts := strings.Split(at.EscapedPath(), "/")
	if len(parts) != len(mediaPath)+1 {
		return "", false
	}
	for i, part := range parts {
		if parts[i], err = url.PathUnescape(part); err != nil {
			return "", false
		}
		if i < len(mediaPath) && parts[i] != mediaPath[i] {
			return "", false
		}
	}
	return parts[len(mediaPath)], true
}
