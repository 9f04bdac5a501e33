package rooms

// What tests of the pure rules call.
var (
	AccountName = accountName
	ChosenSlug  = chosenSlug
	RandomSlug  = randomSlug
)
