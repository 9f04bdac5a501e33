package recordings

import (
	"context"
	"strings"

	"foyer/ent"
)

// URL is where browsers get the file of a recording, by the server before the bucket; nil when there is
// none, or none any more.
func (r *Recordings) URL(rec *ent.Recording) *string {
	if !Available(rec) {
		return nil
	}
	url := strings.TrimRight(r.settings.PublicURL, "/") + "/media/" + Key(rec)
	return &url
}

// DownloadURL is where anybody gets the file of a recording for a short time; nil when there is none,
// or where the server gives none.
func (r *Recordings) DownloadURL(context.Context, *ent.Recording) (*string, error) {
	return nil, nil
}
