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

// Headers between nginx and us: what nginx says of the request that it got, and what we answer beside
// the signature.
const (
	mediaSecretHeader = "X-Media-Secret"
	mediaURLHeader    = "X-Original-URL"
	mediaMethodHeader = "X-Original-Method"
	mediaHostHeader   = "X-Media-Host"
	mediaPathHeader   = "X-Media-Path"
	mediaNameHeader   = "X-Media-Name"
)

// errMedia is one for all that is refused: nobody learns what there is.
var errMedia = fault.New(fault.Forbidden, "not for you")

// authorizeMedia says whether nginx may hand out the file that somebody asks it for (auth_request), and
// signs the request that nginx then makes of the bucket. It answers 200, 401 or 403 and nothing else,
// unless we cannot tell at the moment: then nginx answers an error instead of the file.
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

// signMedia returns the request to make of the bucket, and a name for the file.
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

// showsSecret reports, in a time that does not tell how much of it is right, whether the one value of a
// header is a secret. Nothing shows a secret that is not set.
func showsSecret(values []string, secret string) bool {
	if secret == "" || len(values) != 1 {
		return false
	}
	shown, wanted := sha256.Sum256([]byte(values[0])), sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(shown[:], wanted[:]) == 1
}

// mediaPath is below which nginx hands out recordings.
var mediaPath = []string{"", "media", "recordings"}

// recordingFile returns the name of the file that the one value of a header asks for: a URL, or a path
// alone, of exactly our form. Each part of the path is decoded once, so that an encoded slash is none.
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
