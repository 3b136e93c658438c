/** Message ids that came before: a retry by the server may deliver a message twice. */

/**
 * @param {number} limit how many ids to remember
 * @returns {(id: string) => boolean} whether this id came before
 */
export const seenIds = (limit) => {
  const ids = new Set();
  return (id) => {
    const known = ids.has(id);
    ids.add(id);
    const [oldest] = ids;
    if (ids.size > limit) ids.delete(oldest);
    return known;
  };
};
